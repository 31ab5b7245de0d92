// Calls the service by what oapi-codegen makes of its document.
package main

import (
	"bytes"
	"context"
	"fmt"
	"log"
	"mime/multipart"
	"os"

	"imagejobs-clients/client"
)

func main() {
	address, photo := os.Args[1], os.Args[2]
	ctx := context.Background()
	api, err := client.NewClientWithResponses(address)
	check(err)
	data, err := os.ReadFile(photo)
	check(err)
	var form bytes.Buffer
	parts := multipart.NewWriter(&form)
	file, err := parts.CreateFormFile("image", "photo.jpg")
	check(err)
	_, err = file.Write(data)
	check(err)
	check(parts.WriteField("width", "40"))
	check(parts.Close())
	made, err := api.ResizeImageWithBodyWithResponse(ctx, &client.ResizeImageParams{}, parts.FormDataContentType(), &form)
	check(err)
	if made.JSON200 == nil {
		log.Fatal(made.Status(), string(made.Body))
	}
	job, err := api.GetJobWithResponse(ctx, made.JSON200.JobId)
	check(err)
	missing, err := api.GetProgressWithResponse(ctx, "absent")
	check(err)
	fmt.Println(*made.JSON200.Width, job.JSON200.State, missing.ApplicationproblemJSON404.Code)
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
